import type { ChatTexts } from "./texts.ts";

export const ko: ChatTexts = {
  chat: "채팅",
  title: (site) => `${site} 채팅 상담`,
  close: "채팅 닫기",
  answersSoon: "보통 몇 분 안에 답변해 드려요",
  leaveMessage: "메시지를 남겨 주세요",
  answering: (agent) => `${agent} 님이 상담하고 있어요`,
  connecting: "연결하는 중…",

  offline: "인터넷 연결이 끊겼습니다. 작성한 내용은 보관했다가 연결되면 보내 드려요.",
  reconnecting:
    "서버와 연결이 끊겼습니다. 작성한 내용은 보관했다가 자동으로 보내 드려요. 다시 연결하는 중…",
  online: "다시 연결되었습니다",
  unusable: "이 페이지에서는 채팅을 이용할 수 없습니다.",

  today: "오늘",
  yesterday: "어제",
  messages: "메시지",
  you: "나",
  waiting: "전송 대기 중",
  stored: "보냄",
  delivered: "전달됨",
  read: "읽음",
  refused: "전송하지 못했습니다.",
  retry: "눌러서 다시 보내기",
  earlier: "이전 메시지",
  unread: "새 메시지",
  latest: (count) => (count === 0 ? "최근 메시지로 이동" : `새 메시지 ${count}개`),
  typing: (agent) => (agent ? `${agent} 님이 입력하고 있어요` : "상담원이 입력하고 있어요"),
  opensInNewTab: "새 탭에서 열림",

  joined: (agent) => `${agent} 님이 상담을 시작했습니다`,
  assigned: (agent) =>
    agent ? `${agent} 님이 상담을 이어받았습니다` : "다른 상담원에게 연결해 드릴게요",
  closed: "상담이 종료되었습니다",
  reopened: "상담이 다시 시작되었습니다",
  closedNote: "언제든 다시 메시지를 보내시면 여기서 이어집니다.",

  write: "메시지를 입력하세요…",
  send: "보내기",
  left: (count) => `${count}자 남음`,
  tooLong: (count) => `${count}자 초과`,

  contactTitle: "답변받으실 이메일을 남겨 주세요",
  contactName: "이름 (선택)",
  contactEmail: "이메일",
  contactSave: "저장",
  contactSkip: "나중에",
  contactWrong: "이메일 주소를 확인해 주세요.",
  contactFailed: "저장하지 못했습니다. 잠시 후 다시 시도해 주세요.",
  contactDone: (email) => `감사합니다. ${email}(으)로 연락드릴게요.`,
};
