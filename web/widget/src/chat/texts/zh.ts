import type { ChatTexts } from "./texts.ts";

export const zh: ChatTexts = {
  chat: "聊天",
  title: (site) => `与${site}聊天`,
  close: "关闭聊天",
  answersSoon: "通常几分钟内回复",
  leaveMessage: "请给我们留言",
  answering: (agent) => `${agent} 正在为您服务`,
  connecting: "正在连接…",

  offline: "网络已断开。您写的内容会保留，恢复后自动发送。",
  reconnecting: "连接已中断。您写的内容会保留并自动发送，正在重新连接…",
  online: "已重新连接",
  unusable: "此页面无法使用聊天。",

  messages: "消息",
  you: "我",
  waiting: "等待发送",
  stored: "已发送",
  delivered: "已送达",
  read: "已读",
  refused: "发送失败。",
  retry: "点击重试",
  unread: "新消息",
  latest: (count) => (count === 0 ? "回到最新消息" : `${count} 条新消息`),
  typing: (agent) => (agent ? `${agent} 正在输入` : "客服正在输入"),
  opensInNewTab: "在新标签页中打开",

  joined: (agent) => `${agent} 已加入对话`,
  assigned: (agent) => (agent ? `${agent} 已接手对话` : "正在为您转接其他客服"),
  closed: "对话已结束",
  reopened: "对话已重新开始",
  closedNote: "您可以随时继续留言，我们会在这里接着回复。",

  write: "输入消息…",
  send: "发送",
  left: (count) => `还可输入 ${count} 字`,
  tooLong: (count) => `超出 ${count} 字`,

  contactTitle: "留下邮箱，方便我们回复您",
  contactName: "姓名（选填）",
  contactEmail: "邮箱",
  contactSave: "保存",
  contactSkip: "暂不填写",
  contactWrong: "请检查邮箱地址。",
  contactFailed: "保存失败，请稍后再试。",
  contactDone: (email) => `谢谢，我们会通过 ${email} 联系您。`,
};
